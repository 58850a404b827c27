//! The command as a user meets it: what it prints, what it writes, with which status it exits.

mod command;
mod config;
mod db;
mod dev;
mod generate;
mod import;
mod net;
mod node;
mod replay;
mod rpc;
mod sim;
mod state;
mod usage;
mod verify;
