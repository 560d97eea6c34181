//! GHASH (NIST SP 800-38D section 6.4), computed as the hash POLYVAL of RFC 8452, of which it is the mirror image: each
//! block is read from its other end, and the key is multiplied by x (RFC 8452 appendix A).
//!
//! The crate `ghash` does the same one block after the other, and each has to wait for the one before. Here long texts are
//! hashed in lanes that a processor works at side by side.

use cipher::generic_array::GenericArray;
use polyval::universal_hash::{KeyInit as _, Reset as _, UniversalHash as _};
use polyval::{Polyval, mulx};
use zeroize::Zeroizing;

/// A block as it stands in a text.
pub(crate) type Block = [u8; 16];

/// The hash while a text is added. Both parts are wiped on drop.
#[derive(Clone)]
pub(crate) struct Ghash {
    hash: Polyval,
    /// An empty hash under the key that jumps over the blocks of the other lanes: the power of the key by their number.
    lane: Polyval,
}

impl Ghash {
    /// The empty hash under a key, which is the encryption of the zero block.
    pub(crate) fn new(key: &Block) -> Self {
        let key = Zeroizing::new(mulx(&mirrored(key)));
        let hash = Polyval::new(&key);
        let mut power = hash.clone();
        power.update(&[*key]);
        for _ in 2..LANES {
            power.update(&[GenericArray::default()]);
        }
        let power = Zeroizing::new(power.finalize());
        Self { hash, lane: Polyval::new(&power) }
    }

    /// Adds a text, of which the last block is filled up with zeros. Only the last part of a text may have such a block.
    pub(crate) fn update_padded(&mut self, text: &[u8]) {
        let (blocks, rest) = text.as_chunks::<16>();
        let (groups, blocks) = blocks.as_chunks::<LANES>();
        if groups.len() < WORTHWHILE {
            self.update(groups.as_flattened());
        } else {
            self.update_in_lanes(groups);
        }
        self.update(blocks);
        if !rest.is_empty() {
            let mut last = Block::default();
            last.iter_mut().zip(rest).for_each(|(last, byte)| *last = *byte);
            self.update(&[last]);
        }
    }

    /// Adds whole blocks.
    pub(crate) fn update(&mut self, blocks: &[Block]) {
        for block in blocks {
            self.hash.update(&[mirrored(block)]);
        }
    }

    /// Each lane takes one block of every group. The last group is left to the hash itself: it takes it together with what the
    /// lanes have, one after the other, and so with the powers that the lanes lack.
    fn update_in_lanes(&mut self, groups: &[[Block; LANES]]) {
        let Some((last, groups)) = groups.split_last() else { return };
        let mut before = self.hash.clone().finalize();
        let mut lanes: [Polyval; LANES] = std::array::from_fn(|_| self.lane.clone());
        for group in groups {
            for (lane, block) in lanes.iter_mut().zip(group) {
                lane.update(&[sum(before, mirrored(block))]);
                before = GenericArray::default();
            }
        }
        self.hash.reset();
        for (lane, block) in lanes.into_iter().zip(last) {
            let block = sum(before, mirrored(block));
            self.hash.update(&[sum(lane.finalize(), block)]);
            before = GenericArray::default();
        }
    }

    pub(crate) fn finish(self) -> Block {
        mirrored(&self.hash.finalize().into()).into()
    }
}

fn mirrored(block: &Block) -> polyval::Block {
    u128::from_ne_bytes(*block).swap_bytes().to_ne_bytes().into()
}

fn sum(one: polyval::Block, other: polyval::Block) -> polyval::Block {
    (u128::from_ne_bytes(one.into()) ^ u128::from_ne_bytes(other.into())).to_ne_bytes().into()
}

/// As many multiplications as a processor has under way at a time.
const LANES: usize = 4;

/// So many groups that the lanes gain more than their setting up takes.
const WORTHWHILE: usize = 8;

#[cfg(test)]
mod tests {
    use ghash::{GHash, universal_hash::KeyInit as _, universal_hash::UniversalHash as _};

    use super::*;

    #[test]
    fn lanes_change_nothing() {
        let key: Block = std::array::from_fn(|place| u8::try_from(place * 37 % 256).unwrap());
        let text: Vec<u8> = (0..5000_u32).map(|number| u8::try_from(number * number % 251).unwrap()).collect();
        for length in (0..1200).chain([4096, 5000]) {
            // The second part begins with what the first one has left.
            for parts in [vec![&text[..length]], vec![&text[..length / 32 * 16], &text[length / 32 * 16..length]]] {
                let mut ours = Ghash::new(&key);
                let mut theirs = GHash::new(&key.into());
                for part in parts {
                    ours.update_padded(part);
                    theirs.update_padded(part);
                }
                assert_eq!(ours.finish(), Block::from(theirs.finalize()), "{length}");
            }
        }
    }
}
