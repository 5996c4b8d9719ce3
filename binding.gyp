{
  "targets": [
    {
      "target_name": "meanfield",
      "type": "none",
      "actions": [
        {
          "action_name": "build",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build/Release/meanfield.node"],
          "action": ["node", "scripts/build-native.mjs"]
        }
      ]
    }
  ]
}
