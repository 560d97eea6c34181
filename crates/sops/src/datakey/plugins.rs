//! The turn of the plugins of age: each is run once for all files that the keys in memory leave closed.

use std::collections::HashSet;

use super::search::{Search, Tried};
use crate::identity::Identities;

/// Tries the keys in memory on each file, and then runs each plugin once for all files that are still closed.
pub(crate) fn ask_plugins(searches: &mut [Search<'_>], identities: &Identities) {
    for search in &mut *searches {
        search.in_memory();
    }
    for plugin in identities.by_plugin() {
        let questions = searches.iter().enumerate().flat_map(|(number, search)| search.questions(number, &plugin));
        // First what names a recipient of the plugin: whoever runs out of time has then done the most.
        let (mut questions, others): (Vec<_>, Vec<_>) = questions.partition(|question| question.made);
        questions.extend(others);
        let files: HashSet<_> = questions.iter().map(|question| question.search).collect();
        if files.is_empty() {
            continue;
        }
        let headers: Vec<_> = questions.iter_mut().map(|question| std::mem::take(&mut question.stanzas)).collect();
        let mut answers = plugin.ask(&headers, files.len(), identities.plugins());
        for (number, question) in questions.iter().enumerate() {
            let answer = answers.take_key(number).ok_or_else(|| plugin.failures(&answers, number));
            if let Some(search) = searches.get_mut(question.search) {
                search.learn(question.entry, answer);
            }
        }
    }
    for search in searches {
        search.findings.tried = Tried::Plugins;
    }
}
