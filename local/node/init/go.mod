module pxl.local/node/init

go 1.24
