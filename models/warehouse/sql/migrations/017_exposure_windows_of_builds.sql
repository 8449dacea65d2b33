-- Windows belong to builds too, so that those of old ones can go.
alter table exposure_windows comment column panel 'Build in projection_builds, and kind of window'
