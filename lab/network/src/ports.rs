//! Which ports the nodes of a network have.

/// Most validators of a network that is made here: so many ports of each kind are next to each other.
pub const MAX_NODES: u16 = 100;

/// The first port of each kind; node I has the I-th from there on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// JSON-RPC.
    pub rpc: u16,
    /// Figures and health.
    pub metrics: u16,
    /// Where peers dial a node.
    pub public: u16,
    /// Where a node listens for its peers, behind the proxy.
    pub listen: u16,
}

/// Unless told otherwise.
pub const DEFAULT_PORTS: Ports = Ports { rpc: 8545, metrics: 9545, public: 30_400, listen: 30_500 };

/// A first port from which there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("port {0} is no first port: expected one from 1024 to {most}, because a network takes the {count} ports from there on", most = u16::MAX - 4 * MAX_NODES + 1, count = 4 * MAX_NODES)]
pub struct InvalidPorts(pub u16);

impl Ports {
    /// All kinds from one port on: JSON-RPC first, figures a hundred later, then the public ones, then those behind the proxy.
    pub fn from_base(base: u16) -> Result<Self, InvalidPorts> {
        if !(1024..=u16::MAX - 4 * MAX_NODES + 1).contains(&base) {
            return Err(InvalidPorts(base));
        }
        let kind = |number| base + number * MAX_NODES;
        Ok(Self { rpc: base, metrics: kind(1), public: kind(2), listen: kind(3) })
    }

    /// Those of one node.
    pub fn of(self, node: u16) -> Self {
        let Self { rpc, metrics, public, listen } = self;
        Self { rpc: rpc + node, metrics: metrics + node, public: public + node, listen: listen + node }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_fit_behind_a_base() {
        let ports = Ports::from_base(20_000).unwrap();
        assert_eq!(ports.of(3), Ports { rpc: 20_003, metrics: 20_103, public: 20_203, listen: 20_303 });
        let last = Ports::from_base(65_136).unwrap().of(MAX_NODES - 1);
        assert_eq!(last.listen, u16::MAX);
        for wrong in [0, 80, 65_137, u16::MAX] {
            assert_eq!(Ports::from_base(wrong), Err(InvalidPorts(wrong)));
        }
    }
}
