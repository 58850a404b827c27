//! Orders transactions into payloads: the solo sequencer.
