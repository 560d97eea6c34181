# Without secrets the module changes nothing.
{ }
