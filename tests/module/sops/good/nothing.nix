# Without secrets nothing is installed; a switch takes away what the configuration before has left.
{ }
