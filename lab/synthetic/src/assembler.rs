//! As much of an assembler as a few small contracts need.

use revm::bytecode::opcode;

/// Code under construction. Labels are two bytes wide.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    code: Vec<u8>,
    labels: Vec<(&'static str, usize)>,
    uses: Vec<(&'static str, usize)>,
}

impl Assembler {
    /// Appends instructions.
    pub(crate) fn op(mut self, instructions: &[u8]) -> Self {
        self.code.extend(instructions);
        self
    }

    /// Appends a push of 1 to 32 bytes.
    pub(crate) fn push(mut self, bytes: &[u8]) -> Self {
        let width = u8::try_from(bytes.len()).expect("a push has at most 32 bytes");
        assert!((1..=32).contains(&width), "a push has 1 to 32 bytes, not {width}");
        self.code.push(opcode::PUSH1 + width - 1);
        self.code.extend(bytes);
        self
    }

    /// Appends a push of one byte.
    pub(crate) fn byte(self, byte: u8) -> Self {
        self.push(&[byte])
    }

    /// Appends a push of the place that a label marks.
    pub(crate) fn push_label(mut self, label: &'static str) -> Self {
        self.uses.push((label, self.code.len() + 1));
        self.push(&[0, 0])
    }

    /// Appends a jump to a label if the top of the stack is not zero.
    pub(crate) fn jump_if(self, label: &'static str) -> Self {
        self.push_label(label).op(&[opcode::JUMPI])
    }

    /// Marks a place that is jumped to.
    pub(crate) fn target(self, label: &'static str) -> Self {
        self.data(label).op(&[opcode::JUMPDEST])
    }

    /// Marks a place that is not jumped to.
    pub(crate) fn data(mut self, label: &'static str) -> Self {
        self.labels.push((label, self.code.len()));
        self
    }

    /// The code.
    ///
    /// # Panics
    /// If a label is used that marks nothing, or a place beyond two bytes.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        for (label, at) in self.uses {
            let place = self.labels.iter().find(|(name, _)| *name == label);
            let (_, place) = place.expect("every label that is used marks a place");
            let place = u16::try_from(*place).expect("contracts are small");
            self.code[at..at + 2].copy_from_slice(&place.to_be_bytes());
        }
        self.code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_places() {
        let code = Assembler::default().byte(1).jump_if("end").op(&[opcode::STOP]).target("end").finish();
        assert_eq!(
            code,
            [opcode::PUSH1, 1, opcode::PUSH2, 0, 7, opcode::JUMPI, opcode::STOP, opcode::JUMPDEST]
        );
    }
}
