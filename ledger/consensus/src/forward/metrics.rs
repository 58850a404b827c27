//! What a forwarder counts.

use commonware_runtime::{
    Metrics as Context,
    telemetry::metrics::{Counter, Gauge, MetricsExt as _},
};

/// What a forwarder counts. Transactions, unless it says otherwise.
pub(super) struct Metrics {
    pub(super) sent: Counter,
    pub(super) announced: Counter,
    pub(super) served: Counter,
    pub(super) asked: Counter,
    pub(super) received: Counter,
    pub(super) taken: Counter,
    pub(super) refused: Counter,
    pub(super) missed: Counter,
    pub(super) no_room: Counter,
    pub(super) too_large: Counter,
    pub(super) limited_outbound: Counter,
    pub(super) limited_inbound: Counter,
    pub(super) not_checked: Counter,
    pub(super) lost: Counter,
    pub(super) blocked: Counter,
    pub(super) unordered: Gauge,
    pub(super) waiting: Gauge,
}

impl Metrics {
    pub(super) fn new(context: &impl Context) -> Self {
        Self {
            sent: context.counter("sent", "Transactions sent to leaders as soon as users sent them"),
            announced: context.counter("announced", "Short ids announced to leaders"),
            served: context.counter("served", "Transactions sent to leaders because they asked"),
            asked: context.counter("asked", "Transactions asked for"),
            received: context.counter("received", "Transactions received from peers"),
            taken: context.counter("taken", "Transactions of peers that the pool has taken or had"),
            refused: context.counter("refused", "Transactions of peers that the pool has not taken"),
            missed: context
                .counter("missed", "Users' transactions that were missed and had to be listed again"),
            no_room: context.counter("no_room", "Users' transactions that were too many to be followed"),
            too_large: context.counter("too_large", "Users' transactions that are too large for a message"),
            limited_outbound: context
                .counter("limited_outbound", "Messages not sent because of the rate or the network"),
            limited_inbound: context
                .counter("limited_inbound", "Messages dropped because a peer exceeded the rate"),
            not_checked: context
                .counter("not_checked", "Transactions dropped because too many waited to be checked"),
            lost: context.counter("lost", "Transactions whose check came to nothing"),
            blocked: context.counter("blocked", "Peers blocked because they sent garbage"),
            unordered: context.gauge("unordered", "Users' transactions that are followed"),
            waiting: context.gauge("waiting", "Bytes of transactions that wait to be checked"),
        }
    }
}
