//! The supervisor's one task: it owns the nodes, and does one thing after another.

use super::{
    SupervisorConfig,
    node::{Ending, Node},
    process::{self, Launch},
    readings::Sample,
};
use crate::{
    control::{Answer, Envelope, LinkChange, Order},
    faults::{Gate, Links, Proxy},
    journal::Journal,
    snapshot::{ChainView, NodeState, Snapshot},
};
use std::{fs::File, io, process::ExitStatus, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

/// How often nodes are asked how they are.
const TICK: Duration = Duration::from_secs(1);

/// The end of a process.
struct Ended {
    node: usize,
    starts: u32,
    status: io::Result<ExitStatus>,
}

/// What a node said of itself, or did not.
struct Asked {
    node: usize,
    starts: u32,
    sample: Option<Sample>,
}

/// Somebody who waits for the end of a node.
struct Waiter {
    node: usize,
    /// For what.
    end: End,
    answer: oneshot::Sender<Answer>,
}

pub(super) struct Engine {
    config: SupervisorConfig,
    proxy: Option<Proxy>,
    journal: Journal,
    show: watch::Sender<Arc<Snapshot>>,
    nodes: Vec<Node>,
    processes: JoinSet<Ended>,
    questions: JoinSet<Asked>,
    waiters: Vec<Waiter>,
    /// Those who wait for the end of everything, once somebody has asked for it.
    ending: Option<Vec<oneshot::Sender<Answer>>>,
    begun: Instant,
    ever_answered: bool,
    /// Held as long as there is a supervisor.
    _lock: File,
}

impl Engine {
    pub(super) fn new(
        config: SupervisorConfig,
        proxy: Option<Proxy>,
        journal: Journal,
        show: watch::Sender<Arc<Snapshot>>,
        lock: File,
    ) -> Self {
        let nodes = config.layout.nodes.iter().cloned().map(Node::new).collect();
        Self {
            config,
            proxy,
            journal,
            show,
            nodes,
            processes: JoinSet::new(),
            questions: JoinSet::new(),
            waiters: Vec::new(),
            ending: None,
            begun: Instant::now(),
            ever_answered: false,
            _lock: lock,
        }
    }

    /// Starts all nodes, and does what it is told until all have been ended.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Envelope>) -> Snapshot {
        for node in 0..self.nodes.len() {
            self.start(node);
        }
        self.journal.say(&format!("started {}", count(self.nodes.len())));
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.publish();
        while !self.is_over() {
            tokio::select! {
                Some(envelope) = orders.recv() => {
                    self.take(envelope);
                    self.publish();
                }
                Some(Ok(ended)) = self.processes.join_next() => {
                    self.ended(ended);
                    self.publish();
                }
                Some(Ok(asked)) = self.questions.join_next() => self.asked(asked),
                _ = ticks.tick() => {
                    self.tick();
                    self.publish();
                }
            }
        }
        self.over();
        self.snapshot()
    }

    fn publish(&self) {
        self.show.send_replace(Arc::new(self.snapshot()));
    }

    /// Whether nothing is left to be done: everything was ended, or nothing ever came up.
    fn is_over(&self) -> bool {
        let none_runs = self.nodes.iter().all(|node| !node.state().runs());
        let none_came_up =
            || !self.ever_answered && self.nodes.iter().all(|node| node.state() == NodeState::Failed);
        none_runs && (self.ending.is_some() || none_came_up())
    }

    fn over(&mut self) {
        let failed = self.nodes.iter().filter(|node| node.state() == NodeState::Failed);
        let failed: Vec<_> =
            failed.map(|node| format!("{} ({})", node.name(), node.how_it_ended())).collect();
        let text = match self.ending {
            Some(_) if failed.is_empty() => format!("{} ended", count(self.nodes.len())),
            Some(_) => format!("{} ended; failed: {}", count(self.nodes.len()), failed.join(", ")),
            None => "no node came up, and that is all".to_owned(),
        };
        self.journal.say(&text);
        let done = if failed.is_empty() { Answer::Done(text) } else { Answer::Failed(text) };
        // It would do no harm: whoever asks looks at the lock first.
        let _ = std::fs::remove_file(self.config.layout.socket());
        for answer in self.ending.take().into_iter().flatten() {
            let _ = answer.send(done.clone());
        }
    }

    fn start(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        let mut arguments =
            vec!["node".to_owned(), "--config".to_owned(), crate::layout::SETTINGS.to_owned()];
        if self.proxy.is_none()
            && let Some(public) = node.place.public()
        {
            arguments.extend(["--consensus.listen".to_owned(), public.to_string()]);
        }
        arguments.extend(self.config.arguments.iter().cloned());
        let lock = self.config.layout.node_lock(number);
        let launch = Launch { program: &self.config.program, arguments, place: &node.place, lock: &lock };
        let started = process::start(&launch, number, &self.journal);
        let process = started.map(|(process, running)| {
            let starts = node.starts + 1;
            self.processes
                .spawn(async move { Ended { node: number, starts, status: running.ended().await } });
            process
        });
        node.started(process);
        if node.state() == NodeState::Failed {
            self.journal.say(&format!("error: {} {}", node.name(), node.how_it_ended()));
        }
    }

    fn ended(&mut self, Ended { node: number, starts, status }: Ended) {
        let node = &mut self.nodes[number];
        if node.starts != starts {
            return;
        }
        let Ending { told, then_start } = node.ended(status);
        let (name, how) = (node.name().to_owned(), node.how_it_ended());
        let failed = node.state() == NodeState::Failed;
        let text = match node.state() {
            NodeState::Failed if told => format!("{name} did not end in good order: {how}"),
            NodeState::Failed => format!("{name} ended by itself: {how}"),
            state => format!("{name} is {state}"),
        };
        self.journal.say(&if failed { format!("error: {text}") } else { format!("{text}: {how}") });
        let starts = then_start && self.ending.is_none();
        if starts {
            self.start(number);
        }
        for Waiter { end, answer, .. } in self.waiters.extract_if(.., |waiter| waiter.node == number) {
            let done = match (end, failed) {
                (End::Restart, false) if starts => self.nodes[number].is_starting(),
                (End::Restart, true) if starts => Answer::Failed(format!("{text}; it is started again")),
                (_, true) => Answer::Failed(text.clone()),
                (_, false) => Answer::Done(text.clone()),
            };
            // Whoever has gone away needs no answer.
            let _ = answer.send(done);
        }
    }

    fn asked(&mut self, Asked { node, starts, sample }: Asked) {
        let node = &mut self.nodes[node];
        if node.starts != starts {
            return;
        }
        let now = Instant::now();
        node.is_asked = false;
        let before = node.state();
        node.answered(now, sample);
        self.ever_answered |= sample.is_some();
        if node.state() != before {
            self.journal.say(&format!("{} is {}", node.name(), node.state()));
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        for (number, node) in self.nodes.iter_mut().enumerate() {
            if node.hurry(now) {
                let patience = self.config.patience.as_secs();
                self.journal.say(&format!("warning {} did not end within {patience} s: killed", node.name()));
            }
            let answers = matches!(node.state(), NodeState::Starting | NodeState::Up | NodeState::Silent);
            if answers && !node.is_asked {
                node.is_asked = true;
                let (place, starts) = (node.place.clone(), node.starts);
                self.questions
                    .spawn(async move { Asked { node: number, starts, sample: Sample::take(&place).await } });
            }
        }
    }

    fn snapshot(&self) -> Snapshot {
        let links = self.proxy.as_ref().map(Proxy::links);
        let view =
            |(number, node): (usize, &Node)| node.view(links.is_some_and(|links| links.is_apart(number)));
        let nodes: Vec<_> = self.nodes.iter().enumerate().map(view).collect();
        let (closed_links, bad_links) = links.map(|links| links.faults()).unwrap_or_default();
        Snapshot {
            dir: self.config.layout.dir.clone(),
            seconds: self.begun.elapsed().as_secs_f64(),
            chain: ChainView::of(&nodes),
            nodes,
            closed_links,
            bad_links,
            traffic: links.map(|links| links.total()).unwrap_or_default(),
            direct: self.proxy.is_none(),
        }
    }

    /// Carries out an order. Its answer goes out now, or when the process that it is about has ended.
    fn take(&mut self, Envelope { order, answer }: Envelope) {
        let done = match order {
            Order::Status => Ok(Answer::Status(Box::new(self.snapshot()))),
            Order::Down => return self.down(answer),
            Order::Kill { node } => return self.end(&node, End::Kill, answer),
            Order::Stop { node } => return self.end(&node, End::Stop, answer),
            Order::Restart { node } => return self.end(&node, End::Restart, answer),
            Order::Pause { node } => self.pause(&node),
            Order::Resume { node } => self.resume(&node),
            Order::Partition { groups, silent } => self.partition(&groups, silent),
            Order::Heal { links } => self.heal(links),
            Order::Link { from, to, one_way, change } => self.link(&from, &to, one_way, change),
        };
        let _ = answer.send(done.unwrap_or_else(Answer::Refused));
    }

    fn down(&mut self, answer: oneshot::Sender<Answer>) {
        if self.ending.is_none() {
            self.journal.say("ending all nodes");
            let until = Instant::now() + self.config.patience;
            for node in self.nodes.iter_mut().filter(|node| node.state().runs()) {
                node.stop(false, until);
            }
        }
        self.ending.get_or_insert_default().push(answer);
    }

    fn end(&mut self, name: &str, end: End, answer: oneshot::Sender<Answer>) {
        let number = match self.find(name) {
            Ok(_) if self.ending.is_some() => Err("the network is ending".into()),
            found => found,
        };
        let number = match number {
            Ok(number) => number,
            Err(reason) => return drop(answer.send(Answer::Refused(reason))),
        };
        let node = &mut self.nodes[number];
        if !node.state().runs() {
            let now = match end {
                End::Restart => {
                    self.start(number);
                    self.nodes[number].is_starting()
                }
                _ => Answer::Refused(format!("{} does not run: it is {}", node.name(), node.state())),
            };
            return drop(answer.send(now));
        }
        let until = Instant::now() + self.config.patience;
        match end {
            End::Kill => node.kill(),
            End::Stop => node.stop(false, until),
            End::Restart => node.stop(true, until),
        }
        self.waiters.push(Waiter { node: number, end, answer });
    }

    fn pause(&mut self, name: &str) -> Result<Answer, String> {
        let number = self.find(name)?;
        let node = &mut self.nodes[number];
        match node.state() {
            NodeState::Starting | NodeState::Up | NodeState::Silent => node.pause(),
            state => return Err(format!("{} is {state}: only one that runs can be paused", node.name())),
        }
        self.said(format!("{} is paused", self.nodes[number].name()))
    }

    fn resume(&mut self, name: &str) -> Result<Answer, String> {
        let number = self.find(name)?;
        let node = &mut self.nodes[number];
        match node.state() {
            NodeState::Paused => node.resume(),
            state => {
                return Err(format!("{} is {state}: only one that is paused can be resumed", node.name()));
            }
        }
        self.said(format!("{} goes on", self.nodes[number].name()))
    }

    fn partition(&self, groups: &[Vec<String>], silent: bool) -> Result<Answer, String> {
        let links = self.links()?;
        let mut numbers: Vec<Vec<usize>> = Vec::new();
        for group in groups {
            let group = group.iter().map(|name| self.find(name)).collect::<Result<Vec<_>, _>>()?;
            numbers.push(group);
        }
        let mut named: Vec<usize> = numbers.concat();
        named.sort_unstable();
        if let Some(twice) = named.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("{} is named twice: a node is in one group", self.nodes[twice[0]].name()));
        }
        let rest: Vec<usize> = (0..self.nodes.len()).filter(|node| !named.contains(node)).collect();
        if !rest.is_empty() {
            numbers.push(rest);
        }
        numbers.retain(|group| !group.is_empty());
        if numbers.len() < 2 {
            return Err("this is one group, and nothing to separate it from".into());
        }
        links.partition(&numbers, if silent { Gate::Stalled } else { Gate::Cut });
        let name = |node: &usize| self.nodes[*node].name();
        let group = |group: &Vec<usize>| group.iter().map(name).collect::<Vec<_>>().join(",");
        let groups = numbers.iter().map(group).collect::<Vec<_>>().join(" | ");
        self.said(format!("separated{}: {groups}", if silent { " in silence" } else { "" }))
    }

    fn heal(&self, perfect: bool) -> Result<Answer, String> {
        let links = self.links()?;
        links.heal();
        if perfect {
            links.perfect();
        }
        self.said(if perfect { "all links are perfect" } else { "all links are open" }.to_owned())
    }

    fn link(&self, from: &str, to: &str, one_way: bool, change: LinkChange) -> Result<Answer, String> {
        let links = self.links()?;
        if change.is_nothing() {
            return Err("nothing is said about the link: expected as in --delay 50ms".into());
        }
        let (from, to) = (self.some(from)?, self.some(to)?);
        let mut pairs = Vec::new();
        for (from, to) in from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to))) {
            if from != to {
                pairs.push((from, to));
                pairs.extend((!one_way).then_some((to, from)));
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        if pairs.is_empty() {
            return Err("a node has no link to itself".into());
        }
        let quality = |(from, to): (usize, usize)| change.apply(links.link(from, to).quality);
        for pair in &pairs {
            quality(*pair).check().map_err(|error| error.to_string())?;
        }
        for (from, to) in &pairs {
            links.set_quality(*from, *to, quality((*from, *to)));
            if let Some(gate) = change.gate {
                links.set_gate(*from, *to, gate);
            }
        }
        let [(a, b), ..] = pairs[..] else { return Err("there is no such link".into()) };
        let first = links.link(a, b);
        let gate = match first.gate {
            Gate::Open => "",
            Gate::Stalled => ", stalled",
            Gate::Cut => ", cut",
        };
        let rest = if pairs.len() > 1 { format!(" and {} more", pairs.len() - 1) } else { String::new() };
        let (a, b) = (self.nodes[a].name(), self.nodes[b].name());
        self.said(format!("{a} → {b}{rest}: {}{gate}", first.quality))
    }

    /// Says it in the log too.
    fn said(&self, text: String) -> Result<Answer, String> {
        self.journal.say(&text);
        Ok(Answer::Done(text))
    }

    fn links(&self) -> Result<&Arc<Links>, String> {
        let why = "there is no proxy between the nodes, because the network was started with --direct: start it without";
        self.proxy.as_ref().map(Proxy::links).ok_or_else(|| why.into())
    }

    fn find(&self, name: &str) -> Result<usize, String> {
        let nodes = self.nodes.len();
        self.config.layout.find(name).ok_or_else(|| {
            let name: String = name.chars().take(40).collect();
            format!(
                "there is no node '{name}': expected a number from 0 to {}, or a name such as {}",
                nodes - 1,
                self.nodes[0].name()
            )
        })
    }

    /// One, or all.
    fn some(&self, name: &str) -> Result<Vec<usize>, String> {
        if name == "all" { Ok((0..self.nodes.len()).collect()) } else { Ok(vec![self.find(name)?]) }
    }
}

/// How a node is to end.
#[derive(Clone, Copy)]
enum End {
    Kill,
    Stop,
    Restart,
}

fn count(nodes: usize) -> String {
    if nodes == 1 { "1 node".into() } else { format!("{nodes} nodes") }
}
