"""Files that hold tables: delimited text, workbooks, SPSS, Stata."""
