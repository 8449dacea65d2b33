-- The texts that a version of the study was read from.
select kind, name, text, sha256
from study_texts final
where version = {version:String} and kind != 'mapping'
order by kind, name
