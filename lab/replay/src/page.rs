//! The page: one HTML file without anything from outside, drawn by its own script from data inside it.
//!
//! Everything that comes from block files enters as JSON in a `<script type="application/json">` whose `<`, `>` and
//! `&` are escaped, and reaches the document as text, never as markup.

mod data;
mod labels;
mod layout;
mod names;

pub use data::PageBlock;

use crate::record::ReplayRecord;
use data::THREADS;
use serde::Serialize;

const TEMPLATE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// Renders the page for a replay and the blocks it shows.
pub fn render_page(record: &ReplayRecord, blocks: &[PageBlock]) -> String {
    #[derive(Serialize)]
    struct Data<'a> {
        mode: String,
        thread_count: usize,
        runs: usize,
        totals: &'a crate::record::Totals,
        threads: &'a [usize],
        blocks: &'a [PageBlock],
    }
    let data = Data {
        mode: record.mode.to_string(),
        thread_count: record.threads,
        runs: record.runs,
        totals: &record.totals,
        threads: &THREADS,
        blocks,
    };
    let data = serde_json::to_string(&data).expect("plain numbers and text always serialise");
    let mut page = String::with_capacity(TEMPLATE.len() + STYLE.len() + SCRIPT.len() + data.len());
    let mut rest = TEMPLATE;
    // One pass over the template: nothing that is inserted is searched again.
    for (mark, text) in [
        ("/*STYLE*/", STYLE.to_owned()),
        ("<!--TABLE-->", escape_html(&record.to_table(false))),
        ("/*DATA*/", escape_json(&data)),
        ("/*SCRIPT*/", SCRIPT.to_owned()),
    ] {
        let (before, after) =
            rest.split_once(mark).expect("the template holds every mark once, in this order");
        page.push_str(before);
        page.push_str(&text);
        rest = after;
    }
    page.push_str(rest);
    page
}

/// JSON that cannot end the script element it stands in.
fn escape_json(json: &str) -> String {
    json.replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_files_cannot_leave_its_place() {
        let hostile = "</script><script>alert('&')</script>";
        for escaped in [escape_json(hostile), escape_html(hostile)] {
            assert!(!escaped.contains('<') && !escaped.contains('>'), "{escaped}");
        }
        let json = serde_json::to_string(hostile).unwrap();
        assert_eq!(serde_json::from_str::<String>(&escape_json(&json)).unwrap(), hostile);
    }

    #[test]
    fn the_page_asks_nothing_of_the_network() {
        for part in [TEMPLATE, STYLE, SCRIPT] {
            let part = part.replace("http://www.w3.org/2000/svg", "");
            for outside in
                ["http:", "https:", "//cdn", "@import", "url(", "fetch(", "XMLHttpRequest", "innerHTML"]
            {
                assert!(!part.contains(outside), "{outside}");
            }
        }
    }
}
