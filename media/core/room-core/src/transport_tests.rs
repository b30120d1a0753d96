//! Feedback on the whole transport of a publisher.

use crate::codec::MediaKind;
use crate::ids::TrackId;
use crate::rtcp::Packet as Control;
use crate::rtp::HeaderWriter;
use crate::transport_feedback::TransportFeedback;
use crate::world::World;

const CAMERA: TrackId = TrackId(500);

#[test]
fn a_publisher_that_numbers_its_packets_hears_when_each_arrived_and_no_fixed_limit() {
    let mut world = World::new(1);
    let mut params = crate::client::publish(MediaKind::Video);
    params.extensions.insert(crate::params::TRANSPORT_SEQUENCE.to_owned(), 3);
    let camera = world.join_as(Vec::new(), vec![params], vec![CAMERA]);
    world.run_ms(500);
    for n in 0..100_u64 {
        let mut writer = HeaderWriter::new(96, true, 60_000 + n as u16, n as u32 * 3_000, 77);
        writer.extension(Some(3), &(65_500_u16.wrapping_add(n as u16)).to_be_bytes());
        let datagram = world.clients[camera].rtp_with(writer, 60_000 + n, 77, &[0x10, 0x11, 1]);
        if n % 10 != 9 {
            world.send(camera, datagram);
        }
        world.run_ms(10);
    }
    world.run_ms(200);
    let told = world.clients[camera].control.iter().filter_map(|one| match one {
        Control::TransportWide { media_ssrc: 77, body } => TransportFeedback::read(body),
        _ => None,
    });
    let told = told.flat_map(|feedback| feedback.packets().collect::<Vec<_>>());
    let told: Vec<_> = told.map(|one| (one.number, one.arrived_us)).collect();
    let arrived: Vec<_> = told.iter().filter_map(|(number, time)| Some((*number, (*time)?))).collect();
    assert_eq!(arrived.len(), 90);
    assert_eq!(told.len() - arrived.len(), 9, "the last is not known to be lost");
    let apart =
        arrived.windows(2).map(|two| (two[1].1 - two[0].1) / (i64::from(two[1].0.wrapping_sub(two[0].0))));
    assert!(apart.clone().all(|us| (9_500..10_500).contains(&us)), "{:?}", apart.collect::<Vec<_>>());
    let limits =
        world.clients[camera].control.iter().filter(|one| matches!(one, Control::ReceiverEstimate { .. }));
    assert_eq!(limits.count(), 0);
}
