//! A number for each seat class.

use serde::{Deserialize, Serialize};

use crate::Class;

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

impl FromIterator<(Class, u32)> for ByClass {
    fn from_iter<I: IntoIterator<Item = (Class, u32)>>(counts: I) -> Self {
        let mut all = Self::default();
        counts.into_iter().for_each(|(class, count)| *all.get_mut(class) = count);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_a_table_by_class_and_refuses_other_words() {
        let seats: ByClass = [(Class::Host, 1), (Class::Premium, 20)].into_iter().collect();
        assert_eq!(serde_json::from_str::<ByClass>(r#"{"host":1,"premium":20}"#).unwrap(), seats);
        assert_eq!(serde_json::from_str::<ByClass>(&serde_json::to_string(&seats).unwrap()).unwrap(), seats);
        assert_eq!((seats.total(), seats.less(&ByClass { premium: 30, ..seats }).total()), (21, 0));
        assert!(serde_json::from_str::<ByClass>(r#"{"vip":1}"#).is_err());
    }

    #[test]
    fn every_class_finds_its_own_number() {
        let places: ByClass = Class::ALL.into_iter().zip(0..).collect();
        assert!(Class::ALL.into_iter().zip(0..).all(|(class, place)| places.get(class) == place));
    }
}
