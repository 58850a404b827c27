//! The pool from outside: what it takes, hands out, drops and remembers.

mod authorities;
mod blobs;
mod bounds;
mod claims;
mod conformance;
mod follow;
mod journal;
mod model;
mod order;
mod queues;
mod stress;
mod users;
mod validation;
mod world;
