//! A target's corpus in one file: inputs one after the other, each behind its length in two bytes.

/// Reads what `pack` wrote; what is cut short is left out.
#[must_use]
pub fn unpack(mut packed: &[u8]) -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    while let Some((length, rest)) = packed.split_first_chunk::<2>() {
        let Some(input) = rest.get(..usize::from(u16::from_be_bytes(*length))) else { break };
        inputs.push(input.to_vec());
        packed = &rest[input.len()..];
    }
    inputs
}

/// Inputs of more than 65,535 bytes are cut there.
#[must_use]
pub fn pack(inputs: &[Vec<u8>]) -> Vec<u8> {
    let cut = inputs.iter().map(|input| &input[..input.len().min(usize::from(u16::MAX))]);
    cut.flat_map(|input| [&(input.len() as u16).to_be_bytes()[..], input].concat()).collect()
}
