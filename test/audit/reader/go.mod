module writ.dev/test/audit-reader

go 1.26

require golang.org/x/mod v0.37.0
