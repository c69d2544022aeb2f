using ProjectionReplay.Sandbox;
using ProjectionReplay.Sandbox.Demo;

return args switch
{
    ["serve", .. var rest] => await ServeCommand.RunAsync(rest),
    ["demo", .. var rest] => await DemoCommand.RunAsync(rest),
    _ => Usage.Fail(),
};
