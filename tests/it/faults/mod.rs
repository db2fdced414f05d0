//! What goes wrong, and what the service makes of it: each fault with its answer, state, cause, hint and callback.

mod callbacks;
mod canary;
mod daemon;
mod disk;
mod failures;
mod hand;
mod hangups;
mod load;
mod many;
mod network;
mod outbox;
mod panics;
mod receivers;
mod refusals;
mod remains;
mod restart;
mod rotation;
mod silence;
mod table;
