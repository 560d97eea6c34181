//! Telling people what they are waiting for.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Who is told when a program takes its time, once for each run of a program. The default tells nobody.
#[derive(Clone, Default)]
pub struct Watcher(Option<Arc<Listener>>);

type Listener = dyn Fn(&str) + Send + Sync;

impl Watcher {
    /// Calls `tell` with the name of a program that is not done after two seconds.
    #[must_use]
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }
}

impl Watcher {
    /// Does something that cannot be interrupted, and tells if that takes two seconds. If there can be no thread for it, nobody
    /// is told.
    pub fn during<T>(&self, what: &str, work: impl FnOnce() -> T) -> T {
        let Some(tell) = &self.0 else { return work() };
        thread::scope(|scope| {
            let (done, end) = mpsc::channel::<()>();
            let watch = move || {
                if end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                    tell(what);
                }
            };
            match thread::Builder::new().stack_size(STACK).spawn_scoped(scope, watch) {
                Ok(_) | Err(_) => {}
            }
            let result = work();
            drop(done);
            result
        })
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Watcher").field(&self.0.is_some()).finish()
    }
}

/// The same for one run, until it was told.
pub(crate) struct Untold {
    watcher: Watcher,
    program: String,
    due: Option<Instant>,
}

impl Untold {
    pub(crate) fn new(watcher: Watcher, program: String) -> Self {
        let due = Instant::now().checked_add(PATIENCE).filter(|_| watcher.0.is_some());
        Self { watcher, program, due }
    }

    /// Tells if it is time to. Gives when to look again at the latest.
    pub(crate) fn look(&mut self, deadline: Instant) -> Instant {
        match (&self.watcher.0, self.due) {
            (Some(tell), Some(due)) if Instant::now() >= due => {
                self.due = None;
                tell(&self.program);
                deadline
            }
            (_, due) => due.map_or(deadline, |due| due.min(deadline)),
        }
    }
}

/// How long a program may take before people are told.
const PATIENCE: Duration = Duration::from_secs(2);
/// The stack of the thread, in bytes: a small one, because all memory of this process may be locked.
const STACK: usize = 64 << 10;
