//! Vectors of RFC 3711 and RFC 7714, and what a hostile network may try.

use aws_lc_rs::aead::{self, LessSafeKey, UnboundKey};

use super::cipher::derive_bytes;
use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn keys_are_derived_as_in_rfc_3711_appendix_b3() {
    let master = Master {
        profile: Profile::Aes128CmSha1_80,
        key: hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
        salt: hex("0EC675AD498AFEEBB6960B3AABE6"),
    };
    assert_eq!(derive_bytes(&master, 0, 16).unwrap(), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derive_bytes(&master, 2, 14).unwrap(), hex("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(derive_bytes(&master, 1, 20).unwrap(), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

const RFC_7714_RTP: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
                            69736120 696e2070 61727465 73207472 6573";

fn gcm(key: &str) -> Cipher {
    let key = hex(key);
    let algorithm = if key.len() == 32 { &aead::AES_256_GCM } else { &aead::AES_128_GCM };
    let key = LessSafeKey::new(UnboundKey::new(algorithm, &key).unwrap());
    Cipher::Gcm { key, salt: hex("517569642070726f2071756f").try_into().unwrap() }
}

fn seal_sample(key: &str) -> Vec<u8> {
    let out = Outbound { rtp: gcm(key), rtcp: gcm(key), rtcp_index: 0 };
    let plain = hex(RFC_7714_RTP);
    let mut sealed = vec![0; plain.len() + 16];
    sealed[..12].copy_from_slice(&plain[..12]);
    assert!(out.rtp(0x5501_a0b2, 0xf17b, 12, [&plain[12..], &[]], &mut sealed));
    sealed
}

#[test]
fn a_packet_is_sealed_as_in_rfc_7714_section_16_1_1() {
    let expected = "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
                    0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce";
    assert_eq!(seal_sample("000102030405060708090a0b0c0d0e0f"), hex(expected));
}

#[test]
fn a_packet_is_sealed_as_in_rfc_7714_section_16_2_1() {
    let expected = "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238
                    9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13";
    let key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    assert_eq!(seal_sample(key), hex(expected));
}

#[test]
fn a_control_packet_is_sealed_as_in_rfc_7714_section_17_1() {
    let plain = hex("81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
                     deadbeef deadbeef deadbeef deadbeef deadbeef");
    let key = "000102030405060708090a0b0c0d0e0f";
    let mut out = Outbound { rtp: gcm(key), rtcp: gcm(key), rtcp_index: 0x0000_05d3 };
    let mut sealed = vec![0; plain.len() + out.rtcp_overhead()];
    assert!(out.rtcp(&plain, &mut sealed));
    let expected = "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d
                    c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872
                    45d9eade 800005d4";
    assert_eq!(sealed, hex(expected));
}

const PROFILES: [Profile; 3] = [Profile::AeadAes256Gcm, Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80];

fn pair(profile: Profile) -> (Outbound, Inbound) {
    let master =
        Master { profile, key: vec![3; profile.key_len()], salt: (0..profile.salt_len() as u8).collect() };
    (Outbound::new(&master).unwrap(), Inbound::new(&master).unwrap())
}

fn sealed(out: &Outbound, index: u64) -> Vec<u8> {
    let payload = [index as u8; 30];
    let mut packet = vec![0; 12 + payload.len() + out.rtp_overhead()];
    packet[0] = 0x80;
    packet[2..4].copy_from_slice(&(index as u16).to_be_bytes());
    assert!(out.rtp(9, index, 12, [&payload, &[]], &mut packet));
    packet
}

#[test]
fn every_profile_opens_what_it_sealed_across_the_rollover_and_out_of_order() {
    for profile in PROFILES {
        let (out, mut inbound) = pair(profile);
        for index in [65_530, 65_534, 65_540, 65_533, 65_535, 65_541] {
            let mut packet = sealed(&out, index);
            let (found, end) = inbound.rtp(9, index as u16, 12, &mut packet).unwrap();
            assert_eq!((found, &packet[12..end]), (index, &[index as u8; 30][..]), "{profile:?}");
        }
    }
}

#[test]
fn padding_is_sealed_with_the_payload() {
    for profile in PROFILES {
        let (out, mut inbound) = pair(profile);
        let mut packet = vec![0; 12 + 31 + out.rtp_overhead()];
        packet[0] = 0xa0;
        assert!(out.rtp(9, 0, 12, [&[5; 30], &[1]], &mut packet));
        let (_, end) = inbound.rtp(9, 0, 12, &mut packet).unwrap();
        assert_eq!(packet[12..end], [&[5; 30][..], &[1]].concat(), "{profile:?}");
    }
}

#[test]
fn a_repeated_or_changed_packet_is_refused() {
    for profile in PROFILES {
        let (out, mut inbound) = pair(profile);
        let packet = sealed(&out, 100);
        assert!(inbound.rtp(9, 100, 12, &mut packet.clone()).is_some());
        assert!(inbound.rtp(9, 100, 12, &mut packet.clone()).is_none(), "repeated, {profile:?}");
        for at in 0..packet.len() {
            let mut changed = sealed(&out, 101);
            changed[at] ^= 1;
            assert!(inbound.rtp(9, 101, 12, &mut changed).is_none(), "byte {at}, {profile:?}");
        }
    }
}

#[test]
fn control_packets_go_through_once() {
    for profile in PROFILES {
        let (mut out, mut inbound) = pair(profile);
        let compound = [0x80, 201, 0, 1, 0, 0, 0, 7, 1, 2, 3, 4];
        let mut sealed = vec![0; compound.len() + out.rtcp_overhead()];
        assert!(out.rtcp(&compound, &mut sealed));
        let mut first = sealed.clone();
        let end = inbound.rtcp(&mut first).unwrap();
        assert_eq!(first[..end], compound);
        assert!(inbound.rtcp(&mut sealed).is_none());
    }
}

#[test]
fn a_forged_flood_of_streams_does_not_grow_the_state() {
    let (_, mut inbound) = pair(Profile::AeadAes128Gcm);
    for ssrc in 0..10_000 {
        assert!(inbound.rtp(ssrc, 1, 12, &mut [0x80; 60]).is_none());
    }
    assert!(inbound.streams.is_empty());
}

#[test]
fn a_viewers_keys_take_little_room_beside_those_of_the_library() {
    assert!(size_of::<Inbound>() + size_of::<Outbound>() < 400);
}
