module davit.dev/ci/tools/pause

go 1.26
