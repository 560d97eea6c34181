//! The JSON schema of the report. What is not a list of words in it is written by hand, in the schema itself.

use super::options::{ACTIONS, ExitStatus};
use super::report_words::{Code, Outcome, Step};

/// The schema as it is, with the lists of words as the program has them.
pub(crate) fn schema() -> String {
    let actions: Vec<_> = ACTIONS.iter().map(|action| format!("{action:?}")).collect();
    // A call that is not understood has no report.
    let has_report = |status: &ExitStatus| status.number != ExitStatus::CALLED_WRONGLY.number;
    let statuses: Vec<_> = ExitStatus::ALL.into_iter().filter(has_report).collect();
    let numbers: Vec<_> = statuses.iter().map(|status| status.number.to_string()).collect();
    let exit_meanings: Vec<_> =
        statuses.iter().map(|status| format!("{}: {}.", status.number, status.meaning)).collect();
    let exit_status = format!("[{}], \"description\": {:?}", numbers.join(", "), exit_meanings.join(" "));
    let steps: Vec<_> = Step::WORDS.iter().map(|(word, _)| format!("{word:?}")).collect();
    let schema = include_str!("../../../doc/report.schema.json");
    let schema = with_list(schema, "\"action\": { \"enum\": [", "]", &actions.join(", "));
    let schema = with_list(&schema, "\"exitStatus\": { \"enum\": ", " }", &exit_status);
    let schema = with_list(&schema, "\"step\": { \"enum\": [", "]", &steps.join(", "));
    let schema = with_list(&schema, "\"outcome\": {\n      \"oneOf\": [\n", "\n      ]", &meanings(Outcome::WORDS));
    let code = "\"code\": {\n      \"description\": \"What kind of failure or warning it is. A code keeps its meaning; new ones may \
                come at any time.\",\n      \"oneOf\": [\n";
    with_list(&schema, code, "\n      ]", &meanings(Code::WORDS))
}

/// The text with another list between a beginning and an end.
fn with_list(text: &str, begin: &str, end: &str, list: &str) -> String {
    let (before, rest) = text.split_once(begin).unwrap_or_default();
    let (_, behind) = rest.split_once(end).unwrap_or_default();
    [before, begin, list, end, behind].concat()
}

fn meanings(words: &[(&str, &str)]) -> String {
    let line = |(word, meaning): &(&str, &str)| {
        format!("        {{ \"const\": {word:?}, \"description\": {:?} }}", meaning.trim())
    };
    words.iter().map(line).collect::<Vec<_>>().join(",\n")
}
