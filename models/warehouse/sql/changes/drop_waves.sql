-- Drop the waves of builds that nobody reads any more.
delete from study_waves where build in {builds:Array(String)}
