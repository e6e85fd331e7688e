//! Updates a list model in place with the smallest changes: a list that is replaced as a whole flickers and loses its
//! scroll position. For short lists, which are compared as a whole; the rows of a conversation come one by one
//! (`presenter/stream.rs`).

use slint::{Model, VecModel};

/// Makes `model` hold `wanted`, in its order. Rows with the same key are the same item.
pub(super) fn update<Row, Key>(model: &VecModel<Row>, wanted: Vec<Row>, key: impl Fn(&Row) -> Key)
where
    Row: Clone + PartialEq + 'static,
    Key: PartialEq,
{
    let count = wanted.len();
    // Up to `index` the model is right already, so the row can only be after that.
    for (index, row) in wanted.into_iter().enumerate() {
        let wanted_key = key(&row);
        let found =
            (index..model.row_count()).find(|&at| model.row_data(at).is_some_and(|row| key(&row) == wanted_key));
        match found {
            Some(at) if at == index => {
                if model.row_data(index).is_some_and(|known| known != row) {
                    model.set_row_data(index, row);
                }
            }
            Some(at) => {
                model.remove(at);
                model.insert(index, row);
            }
            None => model.insert(index, row),
        }
    }
    // The rows that are no longer wanted have moved to the end.
    while model.row_count() > count {
        model.remove(model.row_count() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_becomes_what_is_wanted() {
        let model = VecModel::from(vec![(1, 'a'), (2, 'b'), (3, 'c')]);
        for wanted in [
            vec![(3, 'c'), (1, 'a'), (2, 'b')],
            vec![(3, 'x'), (4, 'd'), (2, 'b')],
            vec![],
            vec![(5, 'e')],
            vec![(5, 'e'), (1, 'a'), (6, 'f')],
        ] {
            update(&model, wanted.clone(), |row| row.0);
            assert_eq!(model.iter().collect::<Vec<_>>(), wanted);
        }
    }
}
