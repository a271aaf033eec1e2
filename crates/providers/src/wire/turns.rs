//! Conversations for vendors that want the two sides to take turns.

use domain::text::{Message, Part, Role};

/// The conversation with neighbours of the same side made one turn. What functions gave is of the user's side.
pub(crate) fn alternating(messages: &[Message]) -> Vec<(Role, Vec<&Part>)> {
    let mut turns: Vec<(Role, Vec<&Part>)> = Vec::with_capacity(messages.len());
    for message in messages {
        let side = if message.role == Role::Assistant { Role::Assistant } else { Role::User };
        match turns.last_mut() {
            Some((role, parts)) if *role == side => parts.extend(&message.parts),
            _ => turns.push((side, message.parts.iter().collect())),
        }
    }
    turns
}
