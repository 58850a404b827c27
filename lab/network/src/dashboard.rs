//! A network as text: a table of its nodes, and the screen on which it is watched.

mod screen;
mod table;
mod text;

pub use screen::{Screen, Size};
pub use table::{frame, log_line, summary, table};
pub use text::{Paint, grouped, time_of_day};
