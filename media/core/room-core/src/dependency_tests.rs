use super::*;

/// Bits as digits; whatever else is passed over.
fn packed(digits: &str) -> Vec<u8> {
    let bits: Vec<u8> = digits.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
    let byte = |bits: &[u8]| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | bit << (7 - at));
    bits.chunks(8).map(byte).collect()
}

/// The templates of one spatial and three temporal layers, as browsers write them, of 720 rows; template ids from 60.
const L1T3: &str = "111100 00010 \
     00 01 01 00 11 \
     101010 101010 000110 000001 000001 \
     0 1_0011_0 1_0001_0 1_0000_0 1_0000_0 \
     01 \
     0000 0100 0010 0001 0011 \
     1 0000010011111111 0000001011001111";

/// Frame 7 begins the sequence, and lies in one packet.
fn keyframe() -> Vec<u8> {
    packed(&format!("1 1 111100 0000000000000111 10000 {L1T3}"))
}

#[test]
fn the_example_is_what_it_says() {
    assert_eq!(keyframe(), crate::client::DESCRIPTOR);
}

fn structure_of(raw: &[u8]) -> Structure {
    read(raw, None).unwrap().attached.unwrap()
}

#[test]
fn the_start_of_a_sequence_brings_its_templates_and_its_height() {
    let found = read(&keyframe(), None).unwrap();
    assert!(found.starts_sequence());
    assert_eq!((found.frame, found.temporal, found.enters), (7, 0, 0b111));
    let structure = found.attached.unwrap();
    assert_eq!((structure.height, structure.templates.len(), structure.chains), (Some(720), 5, 1));
    assert_eq!(structure.targets, [0, 1, 2]);
}

#[test]
fn frames_are_told_by_template_and_only_a_base_frame_lets_layers_be_taken_up() {
    let known = structure_of(&keyframe());
    let layer = |template: u8| {
        let found = read(&[0xc0 | template, 1, 2], Some(&known)).unwrap();
        assert!(found.begins_picture() && !found.starts_sequence());
        assert_eq!(found.frame, 0x0102);
        (found.temporal, found.enters)
    };
    // Template ids wrap: 60, 61, 62, 63, 0.
    assert_eq!([61, 62, 63, 0].map(layer), [(0, 0b111), (1, 0), (2, 0), (2, 0)]);
    assert_eq!(read(&[0xc1, 1, 2], Some(&known)), None, "a sixth template");
    assert_eq!(read(&[0xfd, 1, 2], None), None, "a sequence whose start never came");
}

#[test]
fn a_frame_may_tell_its_own_dependencies() {
    let known = structure_of(&keyframe());
    // Its own indications (a switch to the first two targets), one difference of eight bits, a chain.
    let raw = packed("1 1 111101 0000000000001000 00111 101000 10_00000011 00 00000011");
    assert_eq!(read(&raw, Some(&known)).unwrap().enters, 0b011);
    for end in 3..raw.len() {
        let cut = read(&raw[..end], Some(&known));
        assert!(cut.is_none() || end == 3, "{end}");
    }
}

#[test]
fn of_two_spatial_layers_the_lower_begins_the_picture_and_both_must_let_a_layer_in() {
    let templates = "000000 00001 10 11 1010 0010 0 0 00 0";
    let key = packed(&format!("1 1 000000 0000000000000001 10000 {templates}"));
    let found = read(&key, None).unwrap();
    assert!(found.starts_sequence());
    assert_eq!(found.enters, 1);
    let upper = read(&[0xc1, 0, 2], found.attached.as_ref()).unwrap();
    assert_eq!((upper.spatial, upper.begins_picture()), (1, false));
}

#[test]
fn what_is_cut_short_or_endless_is_not_read() {
    let whole = keyframe();
    for end in 0..whole.len() {
        assert_eq!(read(&whole[..end], None), None, "{end}");
    }
    // Templates without end, and a descriptor longer than any.
    assert_eq!(read(&[&[0xc0, 0, 1, 0x80, 0][..], &[0; 100]].concat(), None), None);
    assert_eq!(read(&[whole, vec![0; MAX_LEN]].concat(), None), None);
}

#[test]
fn a_frame_number_is_written_in_place() {
    let mut raw = keyframe();
    renumber(&mut raw, 0xabcd);
    assert_eq!(read(&raw, None).unwrap().frame, 0xabcd);
    assert_eq!(structure_of(&raw), structure_of(&keyframe()));
    renumber(&mut [1, 2], 3);
}
