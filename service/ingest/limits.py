"""How large may the parts of an upload be, so that reading one needs little memory?"""

# A row with its quoted line breaks, or a line of NDJSON.
MAX_ROW_CHARACTERS = 1_048_576
# What the csv module allows unless told otherwise; its limit is a process-wide setting.
MAX_VALUE_CHARACTERS = 131_072
MAX_COLUMNS = 1_000
MAX_COLUMN_NAME_CHARACTERS = 200
MAX_FILENAME_CHARACTERS = 1_000
MAX_NUMBER_CHARACTERS = 100
MAX_NAME_CHARACTERS = 200
MAX_JSON_DOCUMENTS = 10_000

# A block of rows, which is the unit of work and of memory, ends at whichever comes first.
BLOCK_ROWS = 1_000
BLOCK_CHARACTERS = 262_144

MAX_PROBLEMS = 20

# XLSX is read whole: what it unpacks to, and what reading it may take of memory.
MAX_WORKBOOK_BYTES = 536_870_912
MAX_READER_MEMORY_BYTES = 4 * 2**30
MAX_SHEETS_LISTED = 20
# Parquet is read a row group at a time.
MAX_ROW_GROUP_BYTES = 1_073_741_824
