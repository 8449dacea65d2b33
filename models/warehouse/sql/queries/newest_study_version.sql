-- The study file that was used last.
select text from study_versions final order by recorded_at desc limit 1
