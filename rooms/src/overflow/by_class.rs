//! A number for each seat class.

use access::Class;
use serde::{Deserialize, Serialize};

/// A number of seats or people for each class. In JSON and TOML a table by the classes' words; a class left out is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ByClass {
    /// Of speakers.
    pub speaker: u32,
    /// Of hosts.
    pub host: u32,
    /// Of premium viewers.
    pub premium: u32,
    /// Of viewers.
    pub viewer: u32,
    /// Of anonymous viewers.
    pub anonymous: u32,
}

impl ByClass {
    /// The number of one class.
    pub fn get(&self, class: Class) -> u32 {
        match class {
            Class::Speaker => self.speaker,
            Class::Host => self.host,
            Class::Premium => self.premium,
            Class::Viewer => self.viewer,
            Class::Anonymous => self.anonymous,
        }
    }

    /// The number of one class, to be changed.
    pub fn get_mut(&mut self, class: Class) -> &mut u32 {
        match class {
            Class::Speaker => &mut self.speaker,
            Class::Host => &mut self.host,
            Class::Premium => &mut self.premium,
            Class::Viewer => &mut self.viewer,
            Class::Anonymous => &mut self.anonymous,
        }
    }

    /// All classes together.
    pub fn total(&self) -> u32 {
        Class::ALL.into_iter().fold(0, |sum, class| sum.saturating_add(self.get(class)))
    }

    /// This number plus that of `other`, class by class.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.each(other, u32::saturating_add)
    }

    /// This number less that of `other`, class by class, and 0 where `other` has more.
    #[must_use]
    pub fn less(&self, other: &Self) -> Self {
        self.each(other, u32::saturating_sub)
    }

    fn each(&self, other: &Self, combine: fn(u32, u32) -> u32) -> Self {
        let mut result = Self::default();
        for class in Class::ALL {
            *result.get_mut(class) = combine(self.get(class), other.get(class));
        }
        result
    }
}

/// The place of a class in the order in which seats are given: 0 for speakers, who come first, 4 for anonymous viewers.
pub(super) fn rank(class: Class) -> usize {
    Class::ALL.iter().position(|other| *other == class).unwrap_or(Class::ALL.len())
}
