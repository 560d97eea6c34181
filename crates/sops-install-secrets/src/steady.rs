//! Looking at what is installed while other runs install.
//!
//! Those who look hold no lock, so that no run waits for them. They look again if an installation was going on or has changed
//! something meanwhile: what is told is what was there at one moment, and not a switch without its links.

use std::path::PathBuf;

use install::{Location, is_running, rest, state};

use crate::remedy::Remedy;
use crate::report::{About, Code, Report, Reported};

/// Looks until nothing was changed meanwhile, and gives what the last look gave. Of the others nothing is reported.
///
/// # Errors
///
/// That the last look failed, which it has reported.
pub(crate) fn look<T>(
    location: &Location,
    report: &mut Report,
    mut look: impl FnMut(&mut Report) -> Result<T, Reported>,
) -> Result<T, Reported> {
    let mut pauses = 0_u32;
    for _ in 0..LOOKS {
        while is_running(location) && pauses < MOST_PAUSES {
            rest(PAUSE);
            pauses = pauses.saturating_add(1);
            if pauses == PATIENCE {
                report.note(format_args!(
                    "{}: waiting for another run, which installs into {}",
                    report.program(),
                    location.mount_point().display()
                ));
            }
        }
        let before = state(location);
        report.hold();
        let result = look(report);
        if state(location) == before && !is_running(location) {
            report.release();
            return result;
        }
        report.discard();
        if pauses >= MOST_PAUSES {
            break;
        }
    }
    let path = location.mount_point().to_owned();
    let remedy = Remedy::say("run this again when they are done");
    report.warning_with(Code::Unsettled, About::default(), &Unsettled { path }, Some(remedy));
    report.hold();
    let result = look(report);
    report.release();
    result
}

/// Other runs do not come to an end.
#[derive(Debug, thiserror::Error)]
#[error("other runs are installing into {path}, so what is said here may have changed since", path = path.display())]
struct Unsettled {
    path: PathBuf,
}

/// Milliseconds between two looks at the lock.
const PAUSE: u8 = 20;
/// After how many pauses it is said what is waited for: two seconds.
const PATIENCE: u32 = 100;
/// As many as fit into ten seconds. An installation that takes longer waits for a person, and changes nothing meanwhile.
const MOST_PAUSES: u32 = 500;
/// The most looks.
const LOOKS: u32 = 50;
