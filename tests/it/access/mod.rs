//! Who may call, over real HTTP and real sockets: connections, tokens, roles, links, the console's login, TLS.

mod by_hand;
mod connections;
mod console;
pub mod house;
mod links;
mod open;
mod ownership;
mod streams;
mod tls;
mod tokens;
mod turns;
