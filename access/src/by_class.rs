//! One value for each class.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

use crate::Class;

/// One value for each [`Class`]. In JSON and settings a map from the class's word to its value; a class that is missing
/// there has the default value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByClass<T>([T; Class::ALL.len()]);

impl<T> ByClass<T> {
    /// The value of a class.
    pub fn get(&self, class: Class) -> &T {
        &self.0[class as usize]
    }

    /// The value of a class, to be changed.
    pub fn get_mut(&mut self, class: Class) -> &mut T {
        &mut self.0[class as usize]
    }

    /// Every class with its value, the class that is served first in front.
    pub fn iter(&self) -> impl Iterator<Item = (Class, &T)> {
        Class::ALL.into_iter().zip(&self.0)
    }
}

impl ByClass<u32> {
    /// The sum over all classes; at most `u32::MAX`.
    pub fn total(&self) -> u32 {
        self.0.iter().fold(0, |sum: u32, count| sum.saturating_add(*count))
    }
}

impl<T> FromIterator<(Class, T)> for ByClass<T>
where
    T: Default,
{
    fn from_iter<I: IntoIterator<Item = (Class, T)>>(values: I) -> Self {
        let mut all = Self(std::array::from_fn(|_| T::default()));
        values.into_iter().for_each(|(class, value)| *all.get_mut(class) = value);
        all
    }
}

impl<T: Serialize + Default + PartialEq> Serialize for ByClass<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let default = T::default();
        serializer.collect_map(
            self.iter().filter(|(_, value)| **value != default).map(|(class, value)| (class.as_str(), value)),
        )
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for ByClass<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = BTreeMap::<String, T>::deserialize(deserializer)?;
        let values = values.into_iter().map(|(word, value)| Ok((word.parse().map_err(D::Error::custom)?, value)));
        values.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_names_the_classes_that_have_a_value_and_refuses_others() {
        let seats: ByClass<u32> = [(Class::Host, 1), (Class::Premium, 20)].into_iter().collect();
        let json = r#"{"host":1,"premium":20}"#;
        assert_eq!(serde_json::to_string(&seats).unwrap(), json);
        assert_eq!(serde_json::from_str::<ByClass<u32>>(json).unwrap(), seats);
        assert_eq!(seats.total(), 21);
        let error = serde_json::from_str::<ByClass<u32>>(r#"{"vip":1}"#).unwrap_err();
        assert!(error.to_string().contains("the classes are"), "{error}");
    }

    #[test]
    fn every_class_finds_its_own_value() {
        let mut places: ByClass<usize> = ByClass::default();
        Class::ALL.into_iter().enumerate().for_each(|(place, class)| *places.get_mut(class) = place);
        assert!(places.iter().all(|(class, place)| Class::ALL[*place] == class));
    }
}
