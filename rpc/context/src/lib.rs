//! What every JSON-RPC method is given, and how it is declared.
