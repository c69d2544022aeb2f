using ProjectionReplay.Servers;

[assembly: AssemblyFixture(typeof(TestEngines))]
