module openshell.example/verify

go 1.19
