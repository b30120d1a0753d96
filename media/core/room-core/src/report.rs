//! What is told of a panic: where it was, what it said, and the way there where symbols tell it.
//!
//! The standard library hands that to one hook of the process and keeps none of it, so the hook does, for work that is
//! watched; of panics elsewhere it knows nothing.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

/// Of the way there, as much as a log bears.
const LINES: usize = 60;

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps reports from now on, in the whole process; once is enough. Without, a report has the panic's words alone.
pub fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let elsewhere = take_hook();
        set_hook(Box::new(move |info| {
            if !WATCHED.get() {
                return elsewhere(info);
            }
            let report = format!("{info}{}", way(&Backtrace::force_capture().to_string()));
            LAST.with_borrow_mut(|last| *last = Some(report));
        }));
    });
}

/// Does `work`.
///
/// # Errors
/// The report, if it panics.
pub(crate) fn watch<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    let before = WATCHED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    WATCHED.set(before);
    outcome.map_err(|cause| {
        let kept = LAST.with_borrow_mut(Option::take);
        kept.unwrap_or_else(|| words(cause.as_ref()))
    })
}

fn words(cause: &(dyn Any + Send)) -> String {
    let text = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| cause.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}

/// A program without symbols knows no names: then there is nothing to tell.
fn way(backtrace: &str) -> String {
    let is_known = |line: &&str| !line.contains("<unknown>");
    let lines: Vec<&str> = backtrace.lines().filter(is_known).take(LINES).collect();
    if lines.is_empty() { String::new() } else { format!("\n{}", lines.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_where_it_was_and_what_it_said() {
        keep();
        let report = watch(|| panic!("{} of them", 7)).unwrap_err();
        assert!(report.contains("report.rs") && report.contains("7 of them"), "{report}");
        assert!(report.lines().count() <= LINES + 3);
        assert_eq!(watch(|| 3), Ok(3));
    }

    #[test]
    fn a_way_without_names_is_left_out() {
        assert_eq!(way("   0: <unknown>\n   1: <unknown>\n"), "");
        assert_eq!(way("   0: room_core::shard\n   1: <unknown>\n"), "\n   0: room_core::shard");
    }
}
