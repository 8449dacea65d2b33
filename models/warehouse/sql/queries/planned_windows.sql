-- How many windows are planned under a name.
select count() as planned from exposure_windows final where panel = {panel:String}
