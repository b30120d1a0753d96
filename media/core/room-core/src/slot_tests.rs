//! The slot's own rule about numbers; what it does with media is tested with whole shards.

use super::*;

#[test]
fn no_number_is_given_twice() {
    let mut sent = Sent { next_sequence: 10, seen: 0, timestamp: 0, at: None, picture_id: 0, tl0: 0 };
    for (sequence, is_free) in
        [(10, true), (10, false), (12, true), (11, true), (11, false), (200, true), (12, false), (199, true)]
    {
        assert_eq!(sent.take(sequence), is_free, "{sequence}");
    }
    assert_eq!(sent.next_sequence, 201);
}
