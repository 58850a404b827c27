//! The methods on a developers' chain: what is sent, read, waited for and followed. Every answer is checked against the form that
//! its method declares.

mod following;
mod node;
mod reading;
mod sending;
mod signing;
