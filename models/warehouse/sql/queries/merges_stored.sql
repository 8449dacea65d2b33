-- How many rows there are about ids of one person.
select count() as stored from merges
