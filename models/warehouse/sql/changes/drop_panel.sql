-- Drop the panel of builds that nobody reads any more.
delete from panel_rows where build in {builds:Array(String)}
