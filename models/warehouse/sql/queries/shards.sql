-- The database we are in, and how many shards the servers' configuration names.
select currentDatabase() as database, count() as shards
from system.clusters
where cluster = {cluster:String}
