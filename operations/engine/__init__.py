"""The Pulumi engine as a child process: started, listened to, stopped, its locks and errors understood."""
