-- Take back what a study wrote down of itself: the warehouse is another's.
delete from identity
where
    recorded_at = {at:DateTime64(6)}
    and study = {study:String}
    and keys = {keys:Array(String)}
