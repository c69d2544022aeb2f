using ProjectionReplay.Sandbox;

return args switch
{
    ["serve", .. var rest] => await ServeCommand.RunAsync(rest),
    _ => Usage.Fail(),
};
