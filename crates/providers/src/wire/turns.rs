//! Conversations for vendors that want the two sides to take turns.

use domain::text::{Message, Part, Role};

/// The conversation with neighbours of the same side made one turn.
pub(crate) fn alternating(messages: &[Message]) -> Vec<(Role, Vec<&Part>)> {
    let mut turns: Vec<(Role, Vec<&Part>)> = Vec::with_capacity(messages.len());
    for message in messages {
        match turns.last_mut() {
            Some((role, parts)) if *role == message.role => parts.extend(&message.parts),
            _ => turns.push((message.role, message.parts.iter().collect())),
        }
    }
    turns
}
