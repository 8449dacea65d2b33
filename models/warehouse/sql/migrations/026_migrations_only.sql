-- Hashes of views once were rows of this table, with a blank between kind and hash.
delete from migrations where position(name, ' ') > 0
