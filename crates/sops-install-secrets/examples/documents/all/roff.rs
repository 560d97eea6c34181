//! Text in the macros of man(7).

/// A sentence of its own.
pub(crate) fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let stop = if words.ends_with(['.', '?']) { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

/// Text as roff prints it: a hyphen that can be copied, and no control line.
pub(crate) fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

/// An entry of a list: a term, and the lines that explain it.
pub(crate) fn entry(term: &str, lines: impl IntoIterator<Item = String>) -> Vec<String> {
    [".TP".to_owned(), format!(".B {}", roff(term))].into_iter().chain(lines).collect()
}

/// A section of such entries.
pub(crate) fn section(title: &str, entries: &[(&str, &str)]) -> Vec<String> {
    let entries = entries.iter().flat_map(|(term, words)| entry(term, [roff(&sentence(words))]));
    [format!(".SH {title}")].into_iter().chain(entries).collect()
}

/// Text that is printed as it is.
pub(crate) fn literal(text: &str) -> Vec<String> {
    let lines = text.lines().map(roff);
    [".PP", ".nf", ".RS"].map(str::to_owned).into_iter().chain(lines).chain([".RE", ".fi"].map(str::to_owned)).collect()
}
